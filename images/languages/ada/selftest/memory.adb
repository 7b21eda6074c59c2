with Ada.Text_IO; use Ada.Text_IO;

procedure Main is
   type Block is array (1 .. 1_000_000) of Character with Volatile_Components;
   type Block_Access is access Block;
   B : Block_Access;
begin
   loop
      B := new Block'(others => 'x');
   end loop;
end Main;
