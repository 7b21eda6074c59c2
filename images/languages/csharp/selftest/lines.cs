using System;
using System.Text;

class Program {
    static void Main() {
        var text = new StringBuilder();
        for (int i = 1; i <= 1000000; i++) text.Append(i).Append('\n');
        Console.Write(text);
    }
}
