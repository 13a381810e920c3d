"""The testing issuer's network with answers that hang, take their time, or break in odd ways."""

import asyncio


class SlowNetwork:
    """A Fetcher around another. What `slow` names in a URL waits, or raises `fault` if one is set.

    Waits for `seconds` of the issuer's clock, or until `released` when that is None.
    """

    def __init__(self, issuer):
        self.inner = issuer.network
        self.clock = issuer.clock
        self.slow = None
        self.seconds = None
        self.fault = None
        self.released = asyncio.Event()
        self.begun = 0
        self.waiting = 0

    async def get(self, url, *, headers, limit):
        await self._pass(url)
        return await self.inner.get(url, headers=headers, limit=limit)

    async def post(self, url, *, headers, body, limit):
        await self._pass(url)
        return await self.inner.post(url, headers=headers, body=body, limit=limit)

    def stream(self, url, *, headers):
        if self.slow == "stream" and self.fault is not None:
            raise self.fault
        return self.inner.stream(url, headers=headers)

    async def close(self):
        pass

    async def _pass(self, url):
        if self.slow is None or not url.partition("?")[0].endswith(self.slow):
            return
        self.begun += 1
        if self.fault is not None:
            raise self.fault
        self.waiting += 1
        try:
            if self.seconds is None:
                await self.released.wait()
            else:
                await self.clock.sleep(self.seconds)
        finally:
            self.waiting -= 1
