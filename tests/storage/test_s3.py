import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aioboto3
import httpx
import pytest

from storage import ObjectMissing, ObjectStore, StorageError, open_store
from storage.provision import provision
from storage.s3 import S3Store
from tests.fakes.s3 import S3Server
from tests.storage.parts import DAY, HOUR


async def make_bucket(name: str) -> None:
    async with aioboto3.Session().client("s3") as client:
        await client.create_bucket(Bucket=name)


@pytest.fixture
def bucket(s3: S3Server) -> str:
    return s3.bucket


@pytest.fixture
async def store(bucket: str) -> AsyncIterator[ObjectStore]:
    async with open_store(f"s3://{bucket}/some/prefix", secret=b"") as opened:
        yield opened


async def test_what_is_put_is_got_until_deleted(store: ObjectStore) -> None:
    await store.put("results/a/1.png", b"first", "image/png")
    await store.put("results/a/1.png", b"second", "image/png")
    assert await store.get("results/a/1.png") == b"second"
    await store.delete(["results/a/1.png", "results/a/2.png"])
    with pytest.raises(ObjectMissing, match=r"results/a/1\.png"):
        await store.get("results/a/1.png")
    await store.delete(["results/a/1.png"])
    await store.delete([])
    await store.check()


async def test_more_keys_than_one_request_takes(store: ObjectStore) -> None:
    for key in ("inputs/first", "inputs/last"):
        await store.put(key, b"x", "image/png")
    await store.delete(["inputs/first", *(f"inputs/none-{n}" for n in range(1_500)), "inputs/last"])
    assert await store.stale("inputs/", time.time() + HOUR) == []


async def test_stale_goes_by_age_and_prefix(store: ObjectStore) -> None:
    for key in ("inputs/a", "inputs/b", "results/a/1.png"):
        await store.put(key, b"x", "image/png")
    assert sorted(await store.stale("inputs/", time.time() + HOUR)) == ["inputs/a", "inputs/b"]
    assert await store.stale("inputs/", time.time() - HOUR) == []
    await store.delete(["inputs/a", "inputs/b", "results/a/1.png"])


async def test_checks_at_the_same_time_leave_each_other_alone(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, others = store.get, [store.check]

    async def late(key: str) -> bytes:
        for other in [*others]:
            others.clear()
            await other()
        return await get(key)

    monkeypatch.setattr(store, "get", late)
    await store.check()

    assert others == []
    assert await store.stale("", time.time() + HOUR) == []


async def test_a_link_opens_one_object_for_whoever_holds_it(store: ObjectStore, s3: S3Server) -> None:
    await store.put("results/a/1.png", b"picture", "image/png")
    await store.put("results/a/2.png", b"other", "image/png")
    link = await store.link("results/a/1.png", 60, filename="ünîque anime.png")
    assert store.origin == s3.endpoint
    assert link.startswith(f"{s3.endpoint}/pictures/some/prefix/results/a/1.png?")
    async with httpx.AsyncClient() as visitor:
        answer = await visitor.get(link)
        assert (answer.status_code, answer.content) == (200, b"picture")
        assert answer.headers["content-type"] == "image/png"
        assert "filename*=UTF-8''%C3%BCn%C3%AEque%20anime.png" in answer.headers["content-disposition"]
        assert (await visitor.get(link.split("?")[0])).status_code == 403
        assert (await visitor.get(link.replace("1.png", "2.png"))).status_code == 403
        assert (await visitor.get(link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))).status_code == 403
        assert (await visitor.delete(link)).status_code == 403
    await store.delete(["results/a/1.png", "results/a/2.png"])


async def test_no_key_leads_out_of_the_prefix(store: ObjectStore) -> None:
    for refused in (
        store.put("../a", b"x", "text/plain"),
        store.get("/a"),
        store.delete(["a/../b"]),
        store.link("", 60),
    ):
        with pytest.raises(StorageError) as caught:
            await refused
        assert caught.value.code == "bad_key"


async def test_wrong_credentials_are_explained(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    async with open_store(f"s3://{bucket}", secret=b"") as store:
        with pytest.raises(StorageError, match=r"not accepted \(SignatureDoesNotMatch\): check AWS_ACCESS") as caught:
            await store.check()
    assert caught.value.code == "denied"
    assert "not-the-secret" not in str(caught.value)


async def test_an_unknown_access_key_is_explained(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    async with open_store(f"s3://{bucket}", secret=b"") as store:
        with pytest.raises(StorageError, match=r"not accepted \(InvalidAccessKeyId\)") as caught:
            await store.get("inputs/a")
    assert caught.value.code == "denied"


async def test_a_right_to_list_that_is_missing_is_explained(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.blind_key)
    async with open_store(f"s3://{bucket}", secret=b"") as store:
        await store.put("inputs/a", b"x", "image/png")
        with pytest.raises(StorageError, match=r"No right to ListObjectsV2 .* allow s3:ListBucket") as caught:
            await store.check()
        await store.delete(["inputs/a"])
    assert caught.value.code == "denied"


async def test_no_credentials_are_explained(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        async with open_store("s3://pictures", secret=b""):
            pass
    assert caught.value.code == "no_credentials"


async def test_a_missing_bucket_is_explained(s3: S3Server) -> None:
    async with open_store("s3://nowhere", secret=b"") as store:
        for broken in (store.check(), store.get("a"), store.stale("inputs/", 0.0)):
            with pytest.raises(StorageError, match=r"no bucket 'nowhere': run `python -m storage provision`") as caught:
                await broken
            assert caught.value.code == "bucket_missing"


async def test_no_answer_is_explained(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setattr("storage.s3.TRIES", 1)
    async with open_store("s3://pictures", secret=b"") as store:
        with pytest.raises(StorageError, match="check the network and AWS_ENDPOINT_URL_S3") as caught:
            await store.check()
    assert caught.value.code == "unreachable"


async def test_a_closed_store_says_so(bucket: str) -> None:
    store = open_store(f"s3://{bucket}", secret=b"")
    async with store:
        pass
    with pytest.raises(StorageError, match="closed"):
        await store.get("a")


@pytest.mark.parametrize(
    ("bucket", "host", "path"),
    [
        ("pictures", "pictures.s3.eu-central-1.amazonaws.com", "/inputs/a"),
        ("my.pictures", "s3.eu-central-1.amazonaws.com", "/my.pictures/inputs/a"),
    ],
)
async def test_amazon_itself_is_addressed_by_host(
    monkeypatch: pytest.MonkeyPatch, s3: S3Server, bucket: str, host: str, path: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    async with open_store(f"s3://{bucket}", secret=b"") as store:
        link = urlsplit(await store.link("inputs/a", 60))
        assert (link.netloc, link.path) == (host, path)
        assert store.origin == f"https://{host}"
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.query


async def provisioned(bucket: str) -> list[str]:
    async with open_store(f"s3://{bucket}/deep", secret=b"") as store:
        return [line async for line in provision(store, keep_inputs=2 * HOUR, keep_results=7 * DAY)]


async def test_provision_makes_a_private_bucket_with_rules(s3: S3Server) -> None:
    first, *rest = await provisioned("made-by-us")
    assert first == "s3://made-by-us: created."
    assert rest[-1] == "Tested: writing, reading and deleting work, and strangers are refused."
    async with aioboto3.Session().client("s3") as client:
        rules = (await client.get_bucket_lifecycle_configuration(Bucket="made-by-us"))["Rules"]
        listed = await client.list_objects_v2(Bucket="made-by-us")
    assert {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules} == {
        "deep/inputs/": 1,
        "deep/results/": 7,
    }
    assert listed["KeyCount"] == 0
    assert await provisioned("made-by-us") == ["s3://made-by-us: exists.", *rest]


async def test_two_that_provision_at_once_do_not_meet(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_bucket("at-once")
    keys, put = [], S3Store.put

    async def noted(store: S3Store, key: str, data: bytes, content_type: str) -> None:
        keys.append(key)
        await put(store, key, data, content_type)

    monkeypatch.setattr(S3Store, "put", noted)
    await asyncio.gather(provisioned("at-once"), provisioned("at-once"))
    assert len(keys) == len(set(keys)) == 4
    assert all(key.startswith("inputs/probe-") for key in keys)


async def test_provision_keeps_the_rules_of_others(s3: S3Server) -> None:
    await make_bucket("shared")
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}
    async with aioboto3.Session().client("s3") as client:
        await client.put_bucket_lifecycle_configuration(Bucket="shared", LifecycleConfiguration={"Rules": [rule]})
        await provisioned("shared")
        rules = (await client.get_bucket_lifecycle_configuration(Bucket="shared"))["Rules"]
    assert {found["Filter"]["Prefix"] for found in rules} == {"logs/", "deep/inputs/", "deep/results/"}


async def test_provision_refuses_a_bucket_that_everybody_reads(s3: S3Server) -> None:
    await make_bucket("open-to-all")
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",'
        ' "Resource": "arn:aws:s3:::open-to-all/*"}]}'
    )
    async with aioboto3.Session().client("s3") as client:
        await client.put_bucket_policy(Bucket="open-to-all", Policy=policy)
        await client.put_object(Bucket="open-to-all", Key="proof", Body=b"x")
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(f"{s3.endpoint}/open-to-all/proof")).status_code == 200
    with pytest.raises(StorageError, match="Anybody can read s3://open-to-all") as caught:
        await provisioned("open-to-all")
    assert caught.value.code == "bucket_public"


async def test_provision_with_wrong_credentials_is_explained(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with pytest.raises(StorageError, match="not accepted"):
        await provisioned("made-by-nobody")


def test_files_do_not_pay_for_the_sdk() -> None:
    code = "import sys, storage, storage.cli; sys.exit('aioboto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_s3_address_is_bucket_and_prefix() -> None:
    store = open_store("s3://pictures/a/b/", secret=b"")
    assert isinstance(store, S3Store)
    assert (store.bucket, store.prefix) == ("pictures", "a/b/")
