: forever begin again ;
forever
