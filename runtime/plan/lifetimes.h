#pragma once
#include <cstdint>
#include <vector>

#include "runtime/loader/program_model.h"

namespace tegula::runtime {

/// The steps between which a value's memory holds something: from the first that writes it, or a part of it, to the
/// last that reads or writes it, both included. first > last: no step uses it.
struct Lifetime {
  int32_t first = INT32_MAX, last = -1;

  bool used() const { return first <= last; }
  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
};

/// One for each value of the program that owns memory (views keep the lifetime of their base alive and have none of
/// their own). Independent of shapes.
std::vector<Lifetime> find_lifetimes(const ProgramModel& model);

/// A step whose output may take over the memory of an input that nothing reads afterwards, as far as the order of steps
/// tells. Whether sizes allow it is known when they are bound.
struct InPlaceCandidate {
  int32_t step, input, output;  ///< the latter two: values
};
std::vector<InPlaceCandidate> find_in_place_candidates(const ProgramModel& model,
                                                       const std::vector<Lifetime>& lifetimes);

}  // namespace tegula::runtime
