# mypy: disable-error-code="import-not-found"
"""Training on JAX: pure functions of all variables' values, made of the same steps by Keras' stateless scopes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import keras

from ugatit.backends import Objective
from ugatit.memory import too_large

AMPERE = 8.0  # compute capability of the first generation of NVIDIA's with bfloat16


class JaxProgram:
    """See `ugatit.backends.Program`.

    Between steps the values live here, on the device, and are handed from step to step (their buffers donated): the
    Keras variables learn of them in `publish`.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._values: list[Any] = []
        self.adopt()

    def gradient(self, objective: Objective, variable: Any) -> tuple[Mapping[str, Any], Any]:
        ambient = [(held, held.value) for held in self._variables]  # as the enclosing scope has them

        def function(value: Any) -> tuple[Any, tuple[Mapping[str, Any], list[Any]]]:
            mapping = [*ambient, (variable, value)]  # the later entry of a variable counts
            with keras.StatelessScope(state_mapping=mapping) as scope:
                loss, report = objective()
                return loss, (report, [scope.get_current_value(held) for held in self._variables])

        gradient, (report, after) = jax.grad(function, has_aux=True)(variable.value)
        for held, value in zip(self._variables, after, strict=True):
            held.assign(value)
        return report, gradient

    def input_gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        return jax.grad(function)(x)

    def compile(self, step: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        def pure(values: list[Any], *arrays: Any) -> tuple[list[Any], Mapping[str, Any]]:
            with keras.StatelessScope(state_mapping=list(zip(self._variables, values, strict=True))) as scope:
                report = step(*arrays)
                return [scope.get_current_value(variable) for variable in self._variables], report

        compiled = jax.jit(pure, donate_argnums=0)

        def call(*arrays: Any) -> Mapping[str, Any]:
            try:
                self._values, report = compiled(self._values, *arrays)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                raise too_large("the processor" if on_processor() else "the graphics card") from error
            return report

        return call

    def publish(self) -> None:
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value.copy())  # the next step gives the buffer itself away

    def adopt(self) -> None:
        self._values = [variable.value.copy() for variable in self._variables]


def program(variables: Sequence[Any]) -> JaxProgram:
    return JaxProgram(variables)


def on_processor() -> bool:
    return bool(jax.devices()[0].platform == "cpu")


def native_bfloat16() -> bool:
    device = jax.devices()[0]
    if device.platform == "gpu":
        return float(getattr(device, "compute_capability", 0)) >= AMPERE
    # XLA's convolutions on processors convert to float32 and back, also where the instructions are there.
    return bool(device.platform == "tpu")
