"""`/anime` as a person uses it, through discord.py itself."""

from tests.bots.discord.stand_ins import delivery_of, paint, png_of


async def test_picture_replaces_thinking(env, ann, channel, studio):
    delivery = delivery_of()
    studio.work = paint(delivery)
    photo = png_of(128)
    result = await ann.slash(channel, "anime", photo=("me.png", photo))
    assert studio.photos == [photo]
    assert result.response.content == "Here you are."
    assert await result.response.attachments[0].read() == delivery.pictures[0].png
    assert not result.followups
