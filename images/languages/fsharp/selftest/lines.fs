let text = System.Text.StringBuilder()
for n in 1 .. 1000000 do
    text.Append(n).Append('\n') |> ignore
System.Console.Write text
