"""The real service started twice on one database: the second one leaves, and the first one's jobs to the first."""

from pathlib import Path

import httpx

from tests.service import ROOT, Service

PHOTO = (ROOT / "docs" / "astronaut.png").read_bytes()


async def test_a_second_start_leaves_the_jobs_of_the_first_alone(tmp_path: Path) -> None:
    network = {"module": "tests.crashing", "NETWORK": "tests.inference.networks:Invert"}
    async with Service(tmp_path, **network) as first, httpx.AsyncClient(timeout=60) as client:
        await first.said("Page and API")
        posted = await client.post(f"{first.address}/api/selfies", files={"photo": PHOTO})
        assert posted.status_code == 202
        async with Service(tmp_path) as second:
            assert await second.ended() == 2
        assert f"can't start. Another service already runs on the database {tmp_path / 'jobs.db'}" in second.output
        await first.said("job delivered")
        assert await first.stop() == 0
    async with Service(tmp_path, **network) as third:
        await third.said("Page and API")
