defmodule Probe do
  def grow(blocks), do: grow([:binary.copy("x", 1_000_000) | blocks])
end

Probe.grow([])
