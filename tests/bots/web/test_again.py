"""The same photo once more, without sending it again; both sides of a picture as one."""

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from bots.requests import Refused
from bots.web.secret_links import page_of
from inference.options import Crop, Faces, Options
from storage import ObjectStore, State, StorageError
from tests.bots.web.fakes import FakeStudio, make_job

PHOTO = b"\xff\xd8\xff" + b"x" * 1_000
KEY = {"Idempotency-Key": "6b1f0d0e-25a5-4d1c"}


@pytest.fixture
async def job(client: httpx.AsyncClient, studio: FakeStudio, store: ObjectStore) -> str:
    """A delivered job of the client's: one of two faces was painted, its part of the photo is red, its picture blue."""
    await client.post("/api/selfies", files={"photo": ("me.jpg", PHOTO)}, data={"faces": "largest"})
    for key, colour in {"p": (0, 0, 255), "o": (255, 0, 0)}.items():
        await store.put(f"results/{key}", png(colour), "image/png")
    studio.change("job1", state=State.DELIVERED, results=("results/p", "results/o"), found=2)
    return "/api/selfies/job1"


def png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


async def again(client: httpx.AsyncClient, job: str, variant: str, headers: dict[str, str] | None = None):
    return await client.post(f"{job}/again", params={"variant": variant}, headers=headers or {})


async def test_what_can_be_had_of_a_photo_is_said_and_had(
    client: httpx.AsyncClient, studio: FakeStudio, job: str
) -> None:
    assert (await client.get(job)).json()["again"] == ["wider", "tighter", "next", "all"]
    for variant, options in {
        "wider": Options(Faces.LARGEST, Crop.WIDE),
        "next": Options(Faces.LARGEST, face=1),
        "all": Options(Faces.ALL),
        "whole": Options(Faces.LARGEST, whole=True),
    }.items():
        answer = await again(client, job, variant)
        assert answer.status_code == 202
        painting = studio.jobs[answer.json()["id"]]
        assert answer.headers["location"] == answer.json()["links"]["self"] == f"/api/selfies/{painting.id}"
        assert answer.json()["links"]["page"] == page_of(painting.id, studio)
        assert Options.from_json(painting.options) == options
        assert painting.person == studio.jobs["job1"].person


async def test_a_face_that_was_not_found_leaves_the_whole_picture(
    client: httpx.AsyncClient, studio: FakeStudio, job: str
) -> None:
    studio.change("job1", state=State.FAILED, code="no_face", results=(), found=0)
    assert (await client.get(job)).json()["again"] == ["whole"]
    studio.change("job1", code="unreadable")
    assert (await client.get(job)).json()["again"] == []


async def test_a_wiped_photo_offers_nothing(client: httpx.AsyncClient, studio: FakeStudio, job: str) -> None:
    studio.change("job1", inputs=("",))
    assert (await client.get(job)).json()["again"] == []


async def test_the_same_press_twice_is_one_job(client: httpx.AsyncClient, studio: FakeStudio, job: str) -> None:
    ids = {(await again(client, job, "wider", KEY)).json()["id"] for _ in range(2)}
    assert ids == {"job2"}


async def test_nobody_else_paints_it(client: httpx.AsyncClient, open_client, studio: FakeStudio, job: str) -> None:
    stranger = open_client()
    assert (await stranger.get(job)).json()["again"] == []
    assert (await again(stranger, job, "wider")).status_code == 404
    await stranger.get("/")  # which makes them a visitor of their own
    assert (await again(stranger, job, "wider")).status_code == 404
    foreign = await again(client, job, "wider", {"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")
    assert list(studio.jobs) == ["job1"]


@pytest.mark.parametrize(("variant", "status", "code"), [("nicer", 422, "bad_variant"), ("all", 409, "nothing_new")])
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, studio: FakeStudio, job: str, variant: str, status: int, code: str
) -> None:
    studio.change("job1", options=Options().to_json())
    answer = await again(client, job, variant)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refused("photo_gone", "wiped"), 410, "photo_gone"),
        (Refused("over_quota", "too many"), 429, "over_quota"),
        (StorageError("disk_full", "no room"), 503, "unexpected"),
    ],
)
async def test_the_studio_may_refuse(
    client: httpx.AsyncClient, studio: FakeStudio, job: str, refusal: Exception, status: int, code: str
) -> None:
    studio.refusal = refusal
    answer = await again(client, job, "wider")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_painting_again_counts_for_the_address(open_client, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j", state=State.DELIVERED)
    client = open_client(limits_address=1)
    codes = [(await again(client, "/api/selfies/j", "wider")).json()["code"] for _ in range(2)]
    assert codes == ["not_found", "address_quota"]


async def test_both_sides_as_one_picture(client: httpx.AsyncClient, job: str) -> None:
    answer = await client.get((await client.get(job)).json()["pictures"][0]["beside_url"])
    assert answer.headers["content-disposition"] == 'attachment; filename="side-by-side.png"'
    with Image.open(io.BytesIO(answer.content), formats=["PNG"]) as both:
        expected = [[(255, 0, 0)] * 8 + [(0, 0, 255)] * 8] * 8
        np.testing.assert_array_equal(np.asarray(both), expected)


@pytest.mark.parametrize("number", ["0", "2", "-1"])
async def test_a_side_that_is_not_there(client: httpx.AsyncClient, job: str, number: str) -> None:
    assert (await client.get(f"{job}/beside/{number}")).status_code == 404


async def test_a_wiped_picture_has_no_sides(client: httpx.AsyncClient, store: ObjectStore, job: str) -> None:
    await store.delete(["results/p"])
    assert (await client.get(f"{job}/beside/1")).status_code == 404
