// How is sysfs read, and which PCI functions does a place in it go through?
#include "harness/base/sysfs.h"

#include <algorithm>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;

bool is_bdf(std::string_view text) {
  // Domains of more than four digits exist behind Intel's VMD.
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 4 || colon > 8 || text.size() != colon + 8) return false;
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::string_view rest = text.substr(colon);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = i == colon || i == colon + 3 || i == colon + 6;
    if (!separator && kHex.find(text[i]) == std::string_view::npos) return false;
  }
  return rest[3] == ':' && rest[6] == '.';
}

std::string read_line(const fs::path& file) {
  const auto text = read_file(file, size_t{1} << 20);
  return text ? std::string(trim(*text)) : std::string();
}

std::string link_name(const fs::path& link) {
  std::error_code failed;
  const fs::path to = fs::read_symlink(link, failed);
  return failed ? std::string() : to.filename().string();
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> bdfs_on_the_way(const fs::path& place) {
  std::vector<std::string> found;
  std::error_code failed;
  const fs::path real = fs::canonical(place, failed);
  if (failed) return found;
  for (const fs::path& part : real) {
    if (is_bdf(part.string())) found.push_back(part.string());
  }
  return found;
}

}  // namespace holdfast
