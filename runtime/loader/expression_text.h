#pragma once
#include <string>

#include "runtime/loader/program_model.h"

namespace tegula::runtime {

/// An expression as people write it, such as "batch*12" or "ceil((height+2)/2)". Deep or long ones end in "...".
std::string expression_text(const ProgramModel& model, ProgramModel::Expression expression);

}  // namespace tegula::runtime
