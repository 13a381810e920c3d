"""What SIGHUP does: the newest file is in force in the end, however signals come."""

import asyncio

from support.requirement import requirement
from tokenry.blueprint.declarations import Blueprint, IssuerDeclaration, KeysDeclaration
from tokenry.blueprint.loading import BlueprintUnreadable, LoadedBlueprint
from tokenry.serving import Reload


class SlowAuthority:
    """Applies what it is given once it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.in_force: list[str] = []
        self._let: list[asyncio.Future[None]] = []

    async def apply(self, loaded: str) -> str:
        self.begun.append(loaded.digest)
        self._let.append(asyncio.get_running_loop().create_future())
        await self._let[-1]
        self.in_force.append(loaded.digest)
        return f"{loaded.digest} applied"

    async def let(self, which: int) -> None:
        self._let[which].set_result(None)
        await settled()


def version(name: str, **declared) -> LoadedBlueprint:
    issuer = IssuerDeclaration(url="https://auth.example")
    return LoadedBlueprint(declared=Blueprint(issuer=issuer, **declared), key_sets={}, digest=name)


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


@requirement("R-51")
async def test_the_newest_file_is_in_force_in_the_end():
    file, told = ["first"], []
    authority = SlowAuthority()
    reload = Reload(
        authority, serving=version("first"), read=lambda: version(file[-1]), tell=told.append
    )
    first = asyncio.create_task(reload())
    await settled()
    file.append("second")
    second = asyncio.create_task(reload())
    await settled()
    assert authority.begun == ["first"], "the second waits for its turn"
    file.append("third")
    third = asyncio.create_task(reload())
    await settled()
    assert third.done(), "the one that waits reads what is there when its turn comes"
    await authority.let(0)
    await authority.let(1)
    await asyncio.gather(first, second)
    assert authority.in_force == ["first", "third"]
    assert told == ["first applied", "third applied"]


@requirement("R-51")
async def test_a_file_that_cannot_be_read_stands_in_nobodys_way():
    told = []
    authority = SlowAuthority()
    answers = [BlueprintUnreadable("no such file"), "good"]

    def read() -> LoadedBlueprint:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return version(answer)

    reload = Reload(authority, serving=version("good"), read=read, tell=told.append)
    await reload()
    assert authority.begun == []
    assert "was not applied" in told[0]
    again = asyncio.create_task(reload())
    await settled()
    await authority.let(0)
    await again
    assert authority.in_force == ["good"]


@requirement("R-51")
async def test_what_holds_from_the_next_start_only_is_said():
    told = []
    authority = SlowAuthority()
    longer = version("longer", keys=KeysDeclaration(jwks_max_age=600))
    reload = Reload(authority, serving=version("first"), read=lambda: longer, tell=told.append)
    applying = asyncio.create_task(reload())
    await settled()
    await authority.let(0)
    await applying
    assert told == ["longer applied", "[keys] has changed: that holds from the next start on"]
