"""Lowering of loads and stores of array elements, with less code than Numba's own.

Numba copies an array's description to the stack for each access and asks its registry how to index.
Generated code has hundreds of such accesses, nearly all of them to one number at integer indices:
here these become the address computation alone. It is the same one, so the machine code does not
change, but it takes a quarter off the time to compile. Everything else is left to Numba.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, typed_passes, types
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.np.arrayobj import load_item, store_item


class ElementLower(Lower):  # type: ignore[misc]
    """Numba's lowering, but for elements of arrays of numbers."""

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """Lower ``value[index]``."""
        pointer = self._element(value, index)
        if pointer is None:
            return super().lower_getitem(resty, expr, value, index, signature)
        array = self.typeof(value.name)
        item = load_item(self.context, self.builder, array, pointer)
        return self.context.cast(self.builder, item, array.dtype, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """Lower ``target[index] = value``."""
        value_type = self.typeof(value_var.name)
        is_number = isinstance(value_type, types.Number | types.Boolean)
        pointer = self._element(target_var, index_var) if is_number else None
        if pointer is None:
            return super().lower_setitem(target_var, index_var, value_var, signature)
        array = self.typeof(target_var.name)
        value = self.loadvar(value_var.name)
        value = self.context.cast(self.builder, value, value_type, array.dtype)
        store_item(self.context, self.builder, array, value, pointer)
        return None

    def _element(self, array_var: Any, index_var: Any) -> Any:
        """Return the address of an element; None if the access is of another kind."""
        array, index = self.typeof(array_var.name), self.typeof(index_var.name)
        if not isinstance(array, types.Array) or self.context.enable_boundscheck:
            return None
        if not isinstance(array.dtype, types.Number | types.Boolean):
            return None
        kinds = index.types if isinstance(index, types.BaseTuple) else (index,)
        if len(kinds) != array.ndim or not all(isinstance(kind, types.Integer) for kind in kinds):
            return None
        builder, context = self.builder, self.context
        described = self.loadvar(array_var.name)
        fields = context.data_model_manager[array]

        def field(name: str) -> Any:
            return builder.extract_value(described, fields.get_field_position(name))

        shape = cgutils.unpack_tuple(builder, field("shape"), array.ndim)
        strides = cgutils.unpack_tuple(builder, field("strides"), array.ndim)
        given = self.loadvar(index_var.name)
        numbers = [given]
        if isinstance(index, types.BaseTuple):
            numbers = cgutils.unpack_tuple(builder, given, len(kinds))
        places = []
        for number, kind, extent in zip(numbers, kinds, shape, strict=True):
            target = types.intp if kind.signed else types.uintp
            place = context.cast(builder, number, kind, target)
            if kind.signed:
                is_negative = builder.icmp_signed("<", place, place.type(0))
                place = builder.select(is_negative, builder.add(place, extent), place)
            places.append(place)
        return cgutils.get_item_pointer2(
            context, builder, field("data"), shape, strides, array.layout, places
        )


@register_pass(mutates_CFG=True, analysis_only=False)
class ElementLowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Numba's pass, with this lowering."""

    _name = "numbad_lowering"

    @property
    def lowering_class(self) -> Any:
        """The class that lowers."""
        return ElementLower
