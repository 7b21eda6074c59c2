// Asks a vector for a corner it does not have.
#include <vector>

int main() {
    std::vector<double> x;
    return x.at(3) > 0;
}
