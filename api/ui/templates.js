// A first program for each language: reads two numbers, writes their sum. A language without an entry
// only loses the button.

export const TEMPLATES = {
  cpp: `#include <iostream>

int main() {
    long long a, b;
    while (std::cin >> a >> b) {
        std::cout << a + b << '\\n';
    }
}
`,
  python3: `import sys

for line in sys.stdin:
    if line.strip():
        print(sum(map(int, line.split())))
`,
};
