"""Training on TensorFlow: gradient tapes inside a `tf.function`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ugatit.backends import Objective, cpu_has_bfloat16, read_cpuinfo
from ugatit.memory import too_large

AMPERE = (8, 0)  # the first generation of NVIDIA's with bfloat16


class TensorFlowProgram:
    """See `ugatit.backends.Program`. Variables live in place, so there is nothing to publish or adopt."""

    def gradient(self, objective: Objective, variable: Any) -> tuple[Mapping[str, Any], Any]:
        # Only this is watched: to an outer tape, a discriminator that is trained inside is a constant.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variable.value)
            loss, report = objective()
        return report, tape.gradient(loss, variable.value)

    def input_gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)

    def compile(self, step: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        graph = tf.function(step, autograph=False)

        def call(*arrays: Any) -> Mapping[str, Any]:
            try:
                tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)  # a Python number would be traced anew
                return graph(*tensors)
            except tf.errors.ResourceExhaustedError as error:
                raise too_large("the processor" if on_processor() else "the graphics card") from error

        return call

    def publish(self) -> None: ...

    def adopt(self) -> None: ...


def program(variables: Sequence[Any]) -> TensorFlowProgram:
    return TensorFlowProgram()


def on_processor() -> bool:
    return not tf.config.list_physical_devices("GPU")


def native_bfloat16() -> bool:
    devices = tf.config.list_physical_devices("GPU")
    if devices:
        about = tf.config.experimental.get_device_details(devices[0])
        return tuple(about.get("compute_capability", (0, 0))) >= AMPERE
    return cpu_has_bfloat16(read_cpuinfo())
