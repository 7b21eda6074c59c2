# Compiles what the standard library's packages bring as text only; without this every run of a program that imports json
# compiles it again, as nothing can be written into the image. Unchecked: the layer cannot change, whatever its times are.
import os, py_compile, sys, sysconfig

library = sysconfig.get_path("stdlib")
for folder, folders, names in os.walk(library):
    folders[:] = sorted(set(folders) - {"__pycache__", "test", "tests", "idlelib", "lib2to3"})
    for name in sorted(names):
        source = os.path.join(folder, name)
        cache = os.path.join("__pycache__", f"{name[:-3]}.{sys.implementation.cache_tag}.pyc")
        if not name.endswith(".py") or os.path.exists(os.path.join(folder, cache)):
            continue
        left = os.path.join(os.path.relpath(folder, library), cache)
        os.makedirs(os.path.dirname(left), exist_ok=True)
        py_compile.compile(source, left, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
