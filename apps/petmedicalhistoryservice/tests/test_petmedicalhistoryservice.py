from httpservice.testing import get, service


async def test_a_pets_history_is_the_articles() -> None:
    async with service("petmedicalhistoryservice") as running:
        reply = await get(running.port, "/pet/123/medicalhistory")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        assert reply.json == {
            "vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"]
        }
        assert (await get(running.port, "/pet/1.5/medicalhistory")).status == 400
