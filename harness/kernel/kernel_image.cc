// Which kernel is in this bzImage?
#include "harness/kernel/kernel_image.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/base/digest.h"
#include "harness/base/digest_memory.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/bzimage.h"
#include "harness/kernel/decompress.h"
#include "harness/kernel/nearest_file.h"

namespace holdfast {
namespace fs = std::filesystem;

KernelConfig parse_config(std::string_view text) {
  KernelConfig config;
  for (const std::string_view line : split(text, '\n')) {
    const size_t equals = line.find('=');
    if (!line.starts_with("CONFIG_") || equals == std::string_view::npos) continue;
    config[std::string(line.substr(0, equals))] = std::string(trim(line.substr(equals + 1)));
  }
  return config;
}

namespace {

/// Changes whenever a record means something else, so that an older program's records are not believed.
constexpr int kRecordVersion = 1;

/// What is remembered of images: by-stat/ has the sha256 of their files, and <sha256>.json what the image said.
class ImageMemory {
 public:
  explicit ImageMemory(const fs::path& cache_dir) : dir_(cache_dir / "images"), files_(dir_ / "by-stat") {}

  const DigestMemory& files() const { return files_; }

  std::optional<KernelImage> recall(const std::string& digest) const {
    const auto text = read_file(record_file(digest));
    if (!text) return std::nullopt;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object() || json.value("version", 0) != kRecordVersion) return std::nullopt;
    KernelImage image;
    image.sha256 = digest;
    image.release = json.value("release", "");
    image.banner = json.value("banner", "");
    image.build_id = json.value("build_id", "");
    if (json.contains("config") && json["config"].is_string())
      image.config = parse_config(json["config"].get<std::string>());
    return image;
  }

  /// Forgetting is no harm: errors are dropped.
  void remember(const KernelImage& image, const std::optional<std::string>& config) const {
    nlohmann::json json = {{"version", kRecordVersion},
                           {"release", printable(image.release)},
                           {"banner", printable(image.banner)},
                           {"build_id", image.build_id}};
    if (config) json["config"] = printable(*config);
    if (make_dirs(dir_)) static_cast<void>(write_file_atomic(record_file(image.sha256), json.dump()).ok());
  }

 private:
  fs::path record_file(const std::string& digest) const { return dir_ / (digest + ".json"); }
  fs::path dir_;
  DigestMemory files_;
};

Result<struct stat> look_at(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    const int errnum = errno;
    if (errnum != ENOENT && errnum != ENOTDIR) return system_error(fmt::format("look at {}", path.string()), errnum);
    return usage_error(fmt::format("there is no kernel {}", path.string())).because(nearest_beside(path));
  }
  if (S_ISDIR(info.st_mode)) {
    const bool tree = fs::exists(path / "Kconfig");
    return usage_error(fmt::format("{} is a folder, not a bzImage", path.string()))
        .because(tree ? fmt::format("to build that tree: holdfast kernel build --tree {}", shell_quote(path.string()))
                      : "");
  }
  return info;
}

/// Reads everything that the bytes of a bzImage say; also the text of the embedded configuration.
Result<KernelImage> dissect(std::string_view file, std::optional<std::string>& config_text, const Deadline& deadline) {
  KernelImage image;
  const BzImageHeader header = TRY(parse_bzimage(file));
  const std::string vmlinux = TRY(unpack_payload(file.substr(header.payload_offset, header.payload_length), deadline));
  image.release = header.release;
  image.banner = header.banner;
  image.build_id = build_id_of(vmlinux);
  if (const auto packed = embedded_config(vmlinux)) {
    config_text = TRY_IN("the embedded configuration", inflate_gzip(*packed));
    image.config = parse_config(*config_text);
  }
  return image;
}

}  // namespace

Result<KernelImage> inspect_kernel(const fs::path& path, const fs::path& cache_dir, const Deadline& deadline) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed).lexically_normal();
  const struct stat facts = TRY(look_at(whole));
  const ImageMemory memory(cache_dir);
  if (const auto digest = memory.files().recall(whole, facts)) {
    if (auto image = memory.recall(*digest)) {
      image->path = whole;
      return *std::move(image);
    }
  }
  const std::string file = TRY(read_file(whole));
  const std::string digest = sha256(file);
  auto image = memory.recall(digest);
  if (!image) {
    std::optional<std::string> config;
    image = TRY_IN(whole.string(), dissect(file, config, deadline));
    image->sha256 = digest;
    memory.remember(*image, config);
  }
  image->path = whole;
  memory.files().remember(whole, facts, digest);
  return *std::move(image);
}

}  // namespace holdfast
