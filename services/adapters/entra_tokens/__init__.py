"""Access tokens that Microsoft Entra ID issues to the agent itself: for the bot, SMTP and Graph.

Two ways to sign in: a client secret (OAuth 2.0 client credentials, RFC 6749, section 4.4) and the
managed identity of an Azure VM or App Service. Why not ``azure-identity``:
docs/decisions/0014-our-own-access-tokens.md.
"""

from services.adapters.entra_tokens.apps import FIXES
from services.adapters.entra_tokens.sign_in import EntraSignIn

__all__ = ["FIXES", "EntraSignIn"]
