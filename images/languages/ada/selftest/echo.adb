with Interfaces.C; use Interfaces.C;

procedure Main is
   function Get_Char return int with Import, Convention => C, External_Name => "getchar";
   function Put_Char (C : int) return int with Import, Convention => C, External_Name => "putchar";
   procedure Quit (Status : int) with Import, Convention => C, External_Name => "exit";
   C : int;
begin
   loop
      C := Get_Char;
      exit when C < 0;
      C := Put_Char (C);
   end loop;
   Quit (0);
end Main;
