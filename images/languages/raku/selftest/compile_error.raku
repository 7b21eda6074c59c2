say (1 + ;
