"""The PNG of a report's figure, for renderings that show it themselves."""

from collections.abc import Callable

from api_schemas.evaluation import Figure

Picture = Callable[[Figure], bytes]
