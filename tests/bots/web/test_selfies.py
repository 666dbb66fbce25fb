"""The API's good ways: a photo in, where it stands, its pictures."""

import time

import httpx
import pytest

from bots.allowance import Allowance
from bots.requests import Delivery, Picture, Progress, Stage
from bots.web import WebDoor
from bots.web.secret_links import page_of
from inference.options import Crop, Direction, Faces, Options, Region
from storage import ObjectStore, State
from tests.bots.web.fakes import FakeStudio, make_job

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


async def send(client: httpx.AsyncClient, photo: bytes = PHOTO, headers: dict[str, str] | None = None, **fields: str):
    return await client.post("/api/selfies", files={"photo": ("me.jpg", photo)}, data=fields, headers=headers or {})


async def test_a_photo_goes_in_and_its_pictures_come_out(
    client: httpx.AsyncClient, studio: FakeStudio, store: ObjectStore
) -> None:
    studio.progress["job1"] = Progress(Stage.WAITING, position=2, eta=7.5)
    answer = await send(client)
    assert answer.status_code == 202
    here = answer.json()["links"]["self"]
    links = {"self": here, "page": page_of("job1", studio)}
    assert answer.json() == {"id": "job1", "state": "queued", "position": 2, "eta": 7.5, "links": links}
    assert answer.headers["location"] == here == "/api/selfies/job1"
    assert studio.photos["job1"] == PHOTO

    for key, data in {"p1": PNG, "o1": PHOTO, "p2": PNG + b"2", "o2": PHOTO + b"2"}.items():
        await store.put(f"results/{key}", data, "image/png")
    keys = ("results/p1", "results/o1", "results/p2", "results/o2")
    studio.change("job1", state=State.RENDERED, results=keys, found=3)
    await WebDoor().deliver(studio.jobs["job1"], Delivery((Picture(PNG, PHOTO),) * 2, found=3))
    studio.change("job1", state=State.DELIVERED)

    selfie = (await client.get(here)).json()
    assert (selfie["state"], selfie["found"], selfie["position"], selfie["message"]) == ("delivered", 3, None, None)
    assert selfie["links"] == links
    first, second = selfie["pictures"]
    assert (await client.get(first["url"])).content == PNG
    assert (await client.get(first["original_url"])).content == PHOTO
    assert (await client.get(second["url"])).content == PNG + b"2"
    download = await client.get(second["download_url"])
    assert download.headers["content-disposition"] == 'attachment; filename="anime-2.png"'


async def test_several_photos_are_one_job(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    photos = [PHOTO, PHOTO + b"2", PHOTO + b"3"]
    answer = await client.post("/api/selfies", files=[("photo", ("me.jpg", photo)) for photo in photos])
    assert answer.status_code == 202
    assert studio.albums == {"job1": photos}
    assert studio.requests[0].declared_size == len(PHOTO) + 1

    studio.change("job1", state=State.DELIVERED, results=("p", "o"), missed=("", "no_face", "unreadable"), found=1)
    selfie = (await client.get("/api/selfies/job1")).json()
    assert selfie["message"] is None
    assert [line.split(":")[0] for line in selfie["missed"]] == ["Photo 2", "Photo 3"]


async def test_the_last_photos_of_an_hour_are_announced_to_the_visitor_alone(
    client: httpx.AsyncClient, studio: FakeStudio, open_client
) -> None:
    here = (await send(client)).json()["links"]["self"]
    person = studio.jobs["job1"].person
    studio.allowances.known[person] = Allowance(1, time.time() + 90)
    assert (await client.get(here)).json()["left"] is None, "not painted yet"
    studio.change("job1", state=State.DELIVERED, results=("p", "o"), found=1)
    assert (await client.get(here)).json()["left"] == "1 photo left for now. More in 2 minutes."
    assert (await open_client().get(here)).json()["left"] is None
    studio.allowances.known.clear()
    assert (await client.get(here)).json()["left"] is None


async def test_the_page_that_deletes_is_named_to_the_visitor_alone(client: httpx.AsyncClient, open_client) -> None:
    here = (await send(client)).json()["links"]["self"]
    assert (await client.get(here)).json()["links"]["page"].startswith("/s/job1.")
    assert (await open_client().get(here)).json()["links"] == {"self": here, "page": None}


async def test_a_large_photo_arrives_whole(client: httpx.AsyncClient, studio: FakeStudio, open_client) -> None:
    photo = bytes(range(256)) * 12_000  # 3 MB: more than is kept in memory
    assert (await send(open_client(limits_photo_bytes=4_000_000), photo)).status_code == 202
    assert studio.photos["job1"] == photo
    assert studio.requests[0].declared_size == len(photo)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, Options()),
        ({"faces": "largest", "crop": "wide"}, Options(Faces.LARGEST, Crop.WIDE)),
        ({"whole": "true"}, Options(whole=True)),
        ({"whole": "0", "region": ""}, Options()),
        ({"direction": "reverse"}, Options(direction=Direction.REVERSE)),
        ({"region": "0.1,0.2,0.5,0.25"}, Options(region=Region(0.1, 0.2, 0.5, 0.25))),
    ],
)
async def test_choices_reach_the_studio(
    client: httpx.AsyncClient, studio: FakeStudio, fields: dict[str, str], options: Options
) -> None:
    assert (await send(client, **fields)).status_code == 202
    assert studio.requests[0].options == options


async def test_fields_may_follow_the_photo(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    await client.post("/api/selfies", files=[("photo", ("me.jpg", PHOTO)), ("crop", (None, "tight"))])
    assert studio.requests[0].options.crop is Crop.TIGHT


async def test_the_same_visitor_is_known_again(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    cookie = (await send(client)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    await send(client)
    first, second = studio.requests
    assert first.person == second.person
    assert first.source.message != second.source.message
    assert first.person.startswith("web:")
    assert client.cookies["visitor"] not in repr(studio.requests)  # what is stored does not open the door


async def test_the_cookie_is_secure_behind_https(open_client) -> None:
    answer = await send(open_client(web_public_url="https://anime.example"))
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_made_up_cookie_is_replaced(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    client.cookies.set("visitor", "admin")
    answer = await send(client)
    assert "visitor=admin" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("cookies", [True, False])
async def test_the_same_key_is_the_same_job(client: httpx.AsyncClient, studio: FakeStudio, cookies: bool) -> None:
    ids = []
    for _ in range(2):
        ids.append((await send(client, headers={"Idempotency-Key": "6b1f0d0e-25a5-4d1c"})).json()["id"])
        if not cookies:
            client.cookies.clear()
    assert ids == ["job1", "job1"]


async def test_the_same_key_of_another_visitor_is_another_job(client: httpx.AsyncClient, open_client) -> None:
    ids = []
    for visitor in (open_client(), open_client()):
        await visitor.get("/")
        ids.append((await send(visitor, headers={"Idempotency-Key": "6b1f0d0e-25a5-4d1c"})).json()["id"])
    assert len(set(ids)) == 2


async def test_a_failure_says_why_with_its_reference(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["ab12cd34ef"] = make_job("ab12cd34ef", state=State.FAILED, code="engine_failed")
    selfie = (await client.get("/api/selfies/ab12cd34ef")).json()
    assert (selfie["state"], selfie["code"], selfie["pictures"]) == ("failed", "engine_failed", [])
    assert "(Reference ab12cd34)" in selfie["message"]


async def test_no_face_says_what_to_do(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j", state=State.FAILED, code="no_face")
    assert "face" in (await client.get("/api/selfies/j")).json()["message"]


async def test_a_waiting_job_shows_its_place(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j")
    studio.progress["j"] = Progress(Stage.WAITING, 4, 12.0)
    selfie = (await client.get("/api/selfies/j")).json()
    assert (selfie["position"], selfie["eta"], selfie["found"]) == (4, 12.0, None)


async def test_jobs_of_other_doors_do_not_exist_here(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    job = make_job("j")
    studio.jobs["j"] = make_job("j", source=type(job.source)("telegram", "1", "2", "3"))
    for answer in (await client.get("/api/selfies/j"), await client.get("/api/selfies/none")):
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


async def test_only_the_visitor_cancels_a_job(client: httpx.AsyncClient, studio: FakeStudio, open_client) -> None:
    await send(client)
    assert (await open_client().post("/api/selfies/job1/cancel")).status_code == 404
    assert studio.jobs["job1"].state is State.QUEUED
    answer = await client.post("/api/selfies/job1/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["code"]) == (200, "cancelled", "cancelled")
    late = await client.post("/api/selfies/job1/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "not_cancelled")
