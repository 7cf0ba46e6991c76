"""The live page and its API: what comes in on the bus, for people and scripts to look at.

`ViewState` holds the newest of everything, `create_app` makes the web application over it, and
`Server` runs that on a port without touching the process's signals.
"""

from .app import create_app
from .guard import new_token
from .past import Past
from .server import Server
from .state import ViewState

__all__ = ["Past", "Server", "ViewState", "create_app", "new_token"]
