defmodule Probe do
  def depth(0), do: 0
  def depth(n), do: depth(n - 1) + 1
end

IO.gets("") |> String.trim() |> String.to_integer() |> Probe.depth() |> IO.puts()
