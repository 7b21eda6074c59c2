with Ada.Text_IO; use Ada.Text_IO;
with Ada.Integer_Text_IO; use Ada.Integer_Text_IO;

procedure Main is
   N : Integer;

   function Depth (N : Integer) return Integer is (if N = 0 then 0 else Depth (N - 1) + 1);
begin
   Get (N);
   Put (Depth (N), Width => 0);
   New_Line;
end Main;
