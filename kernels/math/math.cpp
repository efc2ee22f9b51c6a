#include "kernels/math/math.h"

#include "kernels/math/scalar.h"
// The templates find scalar.h's operations by the types of their arguments.
#include "kernels/math/apply.h"

namespace tegula::kernels::math {

float apply(Function function, float x, float alpha, float beta) {
  return apply_unary(function, ScalarFloat(x), alpha, beta).v;
}

float apply(Function function, float x, float y) {
  return apply_binary(function, ScalarFloat(x), ScalarFloat(y)).v;
}

bool apply_predicate(Function function, float x, float y, float alpha, float beta) {
  return apply_predicate(function, ScalarFloat(x), ScalarFloat(y), alpha, beta).v;
}

float exp(float x) {
  return exp(ScalarFloat(x)).v;
}
float log(float x) {
  return log(ScalarFloat(x)).v;
}

}  // namespace tegula::kernels::math
