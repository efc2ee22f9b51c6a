#pragma once
// The tables generated from schema/program.fbs, in the one place that decides how they are included.
#include "schema/program_generated.h"
