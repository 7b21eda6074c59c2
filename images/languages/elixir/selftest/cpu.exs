defmodule Probe do
  def forever, do: forever()
end

Probe.forever()
