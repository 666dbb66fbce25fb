"""What S3 answers, as errors that tell the operator what to do."""

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
    TokenRetrievalError,
)

from storage.errors import StorageError

_WRONG_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthFailure"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


def explain(error: ClientError | BotoCoreError | aiohttp.ClientError | OSError, bucket: str) -> StorageError:
    """The error behind what botocore raised; never repeats credentials or signed addresses."""
    where = f"the bucket {bucket!r}"
    if isinstance(error, ClientError):
        return _explain_answer(error, where)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound | TokenRetrievalError):
        return StorageError(
            "no_credentials",
            f"No credentials for {where} ({error}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
        )
    if isinstance(error, NoRegionError):
        return StorageError("failed", f"No region for {where}: set AWS_DEFAULT_REGION.")
    if isinstance(error, ConnectionError | HTTPClientError | ResponseStreamingError | aiohttp.ClientError | OSError):
        return StorageError(
            "unreachable",
            f"No answer for {where} ({type(error).__name__}): check the network and AWS_ENDPOINT_URL_S3.",
        )
    return StorageError("failed", f"Cannot use {where}: {type(error).__name__}: {error}.")


def _explain_answer(error: ClientError, where: str) -> StorageError:
    code = code_of(error)
    action = error.operation_name
    if code in _WRONG_KEYS:
        return StorageError(
            "denied",
            f"The credentials for {where} are not accepted ({code}): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
            " and AWS_SESSION_TOKEN.",
        )
    if code in _DENIED:
        return StorageError(
            "denied",
            f"No right to {action} in {where}: allow s3:ListBucket on it, and s3:GetObject, PutObject and DeleteObject"
            " on what is in it.",
        )
    if code == "NoSuchBucket":
        return StorageError(
            "bucket_missing",
            f"There is no bucket {where.split()[-1]}: run `python -m storage provision`, or set STORAGE_URL.",
        )
    if code in _ELSEWHERE:
        return StorageError(
            "failed", f"{where[:1].upper()}{where[1:]} is in another region ({code}): set AWS_DEFAULT_REGION."
        )
    return StorageError("failed", f"{action} in {where} was refused: {code}.")


def code_of(error: ClientError) -> str:
    """The code of S3's answer, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))
