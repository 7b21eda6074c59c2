open System

let output = Console.OpenStandardOutput()
Console.OpenStandardInput().CopyTo output
output.Flush()
