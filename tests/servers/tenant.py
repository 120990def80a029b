"""A server that publishes a tenant's signing keys as Entra ID does, and signs tokens with them."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "77777777-7777-7777-7777-777777777777"
AUDIENCE = "api://aws-cost-agent"
CLIENT = "88888888-8888-8888-8888-888888888888"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class FakeTenant:
    """The tenant; an async context manager."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=lambda: {"k1": new_key()})
    fetches: int = 0
    status: int = 200
    """Status of the metadata endpoint."""
    jwks_uri: str | None = None
    """The keys' address in the metadata; None: this server."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(f"/{TENANT}/v2.0/.well-known/openid-configuration", self._metadata)
        app.router.add_get(f"/{TENANT}/discovery/v2.0/keys", self._keys)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/{TENANT}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """Settings that point to this server."""
        return {
            "API_AUDIENCE": AUDIENCE,
            "MicrosoftAppTenantId": TENANT,
            "TO_CHANNEL_FROM_BOT_LOGIN_URL": self.url,
        }

    def claims(self, **more: Any) -> dict[str, Any]:
        """Claims of an app's token issued now; None omits a claim."""
        second = int(time.time())
        values = {
            "aud": AUDIENCE,
            "iss": f"{self.url}/v2.0",
            "iat": second,
            "nbf": second,
            "exp": second + 3600,
            "sub": "subject",
            "oid": "object",
            "tid": TENANT,
            "azp": CLIENT,
            "azpacr": "1",
            "roles": ["read", "write"],
            "ver": "2.0",
            **more,
        }
        return {name: value for name, value in values.items() if value is not None}

    def token(
        self,
        kid: str = "k1",
        key: Any = None,
        algorithm: str = "RS256",
        **more: Any,
    ) -> str:
        return jwt.encode(
            self.claims(**more),
            key or self.keys[kid],
            algorithm=algorithm,
            headers={"kid": kid},
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        self.fetches += 1
        if self.status != 200:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        return web.json_response(
            {
                "issuer": f"{self.url}/v2.0",
                "jwks_uri": self.jwks_uri or f"{self.url}/discovery/v2.0/keys",
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        published = [
            {
                **json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())),
                "kid": kid,
                "use": "sig",
            }
            for kid, key in self.keys.items()
        ]
        return web.json_response({"keys": [*published, {"kid": "odd", "kty": "EC"}]})


def unsigned(claims: dict[str, Any], algorithm: str = "none", **head: Any) -> str:
    """A token that names an algorithm and has no signature."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT', **head})}.{part(claims)}."
