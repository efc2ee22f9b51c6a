#include "compiler/driver/later_options.h"

#include <CLI/CLI.hpp>

namespace tegula::driver {

void refuse_options_of_later_releases(CLI::App& command, const std::vector<std::string>& options,
                                      const std::string& instead) {
  for (const std::string& option : options)
    command
        .add_option_function<std::vector<std::string>>(
            option,
            [option, instead](const std::vector<std::string>&) {
              throw CLI::ValidationError(option + " is not part of this release: " + instead);
            })
        ->expected(0, 1)
        ->group("");
}

}  // namespace tegula::driver
