#include "/etc/shadow"
#include "/etc/machine-id"
int main() {}
