"""A deploy needs a proven cause (decision 17), or one that a registry confirms."""

from collections.abc import Collection, Mapping
from pathlib import Path

from app.domain.patterns import Pattern, matches
from app.settings.origins_folder import LOCAL
from app.settings.rules import RuleSection
from app.settings.sections import File, OriginSection
from app.settings.yamlfile import ConfigurationError

UNPROVEN = ("none", "path")
"""Proofs that show neither header nor signature: what such a sender says is confirmed before it deploys."""


def check_causes(file: File, origins: Mapping[str, OriginSection], config: Path | None) -> None:
    """Raises ConfigurationError for a rule that would deploy on a word that nobody stands for."""
    for rule in file.rules:
        if not rule.deploy:
            continue
        _check_one_cause(rule, origins, config)
        when = rule.when.built()
        for name, origin in origins.items():
            asked = {one for one in origin.registries or (name,) if _takes(when.registry, one)}
            if _takes(when.origin, name) and asked:
                _check_proof(rule, name, origin, config)
                _check_confirmed(rule, origin, asked - {LOCAL, *file.registries}, config)


def _takes(pattern: Pattern | None, name: str) -> bool:
    return pattern is None or matches(pattern, name)


def _check_one_cause(rule: RuleSection, origins: Collection[str], config: Path | None) -> None:
    if len(origins) > 1 and rule.when.registry is None and rule.when.origin is None:
        raise ConfigurationError(
            f"{config}: rule {rule.name!r} deploys for any of several origins ({', '.join(sorted(origins))}); "
            "name registry: or origin: under its when:"
        )


def _check_proof(rule: RuleSection, name: str, origin: OriginSection, config: Path | None) -> None:
    if origin.insecure and not rule.insecure:
        raise ConfigurationError(
            f"{config}: rule {rule.name!r} deploys on the word of {name!r}, which proves nothing; "
            'give the origin auth:, or the rule insecure: "the reason why that is fine"'
        )


def _check_confirmed(rule: RuleSection, origin: OriginSection, silent: Collection[str], config: Path | None) -> None:
    asks = rule.confirm if rule.confirm is not None else origin.proof in UNPROVEN
    if asks and silent:
        raise ConfigurationError(
            f"{config}: rule {rule.name!r} deploys only what the registry confirms, and {', '.join(sorted(silent))} "
            "may not be asked; add it under registries:, or give the rule confirm: false"
        )
