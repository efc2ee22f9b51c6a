# Filled in beside the installed package (find_package(tegula)).
