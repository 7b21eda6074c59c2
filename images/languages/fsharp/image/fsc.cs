// The command line of the F# compiler library: what fsc.exe is in a whole installation.
using System;
using Microsoft.FSharp.Compiler;
using Microsoft.FSharp.Compiler.SimpleSourceCodeServices;

static class Compiler {
    static int Main(string[] args) {
        if (args.Length == 1 && args[0] == "--help") {
            Console.WriteLine("F# compiler service {0}, FSharp.Core {1}",
                typeof(FSharpErrorInfo).Assembly.GetName().Version,
                typeof(Microsoft.FSharp.Core.Unit).Assembly.GetName().Version);
            return 0;
        }
        var words = new string[args.Length + 1];
        words[0] = "fsc.exe";
        args.CopyTo(words, 1);
        var compiled = new SimpleSourceCodeServices(null).Compile(words);
        foreach (var error in compiled.Item1) {
            Console.Error.WriteLine("{0}({1},{2}): {3} FS{4:0000}: {5}", error.FileName, error.StartLineAlternate,
                error.StartColumn + 1, error.Severity.IsError ? "error" : "warning", error.ErrorNumber, error.Message);
        }
        return compiled.Item2;
    }
}
