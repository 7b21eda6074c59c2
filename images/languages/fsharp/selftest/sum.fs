System.Console.ReadLine().Split(' ') |> Array.sumBy int64 |> printfn "%d"
