let rec depth n = if n = 0 then 0 else depth (n - 1) + 1

System.Console.ReadLine() |> int |> depth |> printfn "%d"
