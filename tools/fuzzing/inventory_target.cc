// An inventory, as somebody wrote it.
#include "lab/inventory/inventory.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {

Target inventory_target() {
  return {.name = "inventory",
          .read =
              [](std::string_view bytes) {
                // Below a folder that is not there, so that an `include` leads nowhere.
                const auto read = lab::parse_inventory(bytes, "/nonexistent/lab.toml");
                promise(read.ok() || !read.error().what.empty(), "a mistake is told");
              },
          .seeds = [](const std::filesystem::path& tree) { return files_in(tree / "lab/examples", ".toml"); }};
}

}  // namespace holdfast::fuzzing
