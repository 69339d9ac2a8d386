"""The models that a tenant can ask for now: allowed, priced, and still served."""

from datetime import UTC, datetime

from tollgate.domain.errors import ModelNotFound, ModelNotPriced
from tollgate.domain.model import Model
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import PriceBook


def list_models(settings: TenantSettings, prices: PriceBook, now: datetime) -> list[Model]:
    """Those of the price list, and those that the tenant allows by another name: dated, fine-tuned."""
    named = dict.fromkeys([*prices.models(now), *(settings.allowed_models or ())])
    found = [_model_or_none(name, settings, prices, now) for name in named]
    return [model for model in found if model is not None]


def find_model(name: str, settings: TenantSettings, prices: PriceBook, now: datetime) -> Model:
    """Raises ModelNotFound."""
    found = _model_or_none(name, settings, prices, now)
    if found is None:
        raise ModelNotFound(name)
    return found


def _model_or_none(name: str, settings: TenantSettings, prices: PriceBook, now: datetime) -> Model | None:
    try:
        model = prices.model_of(name)
    except ModelNotPriced:
        return None
    is_served = model.lifetime.is_served(now.astimezone(UTC).date())
    return model if is_served and settings.allows(name) else None
