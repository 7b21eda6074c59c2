BEGIN { for (;;) n++ }
