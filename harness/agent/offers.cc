// What does the running kernel offer to a live update?
#include "harness/agent/offers.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>

#include "harness/agent/liveupdate.h"
#include "harness/agent/sysfs.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// kexec_file_load is there when it objects to anything but its own absence. No kernel knows these flags.
bool has_kexec_file_load() {
  constexpr unsigned long kNoSuchFlags = 0xFFFF'0000;
  return ::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, kNoSuchFlags) == 0 || errno != ENOSYS;
}

/// debugfs knows for sure; where it is not mounted, the command line says what was asked for.
/// Source: kernel/liveupdate/kexec_handover_debugfs.c and kexec_handover.c (kho=) of Linux 7.3.
bool kho_is_on() {
  if (is_there("/sys/kernel/debug/kho/out")) return true;
  bool on = false;
  const std::string cmdline = read_line("/proc/cmdline");
  for (const std::string_view word : split(cmdline, ' ')) {
    if (word.starts_with("kho=")) on = word == "kho=on" || word == "kho=1" || word == "kho=y";
  }
  return on && !is_there("/sys/kernel/debug/kho");
}

/// Does /dev/liveupdate open? Closed again, unless a request has needed it already.
void look_at_liveupdate(const State& state, wire::OffersReply& reply) {
  if (state.liveupdate) {
    reply.liveupdate = true;
    return;
  }
  const auto opened = open_liveupdate();
  reply.liveupdate = opened.ok();
  if (opened) return;
  reply.liveupdate_errno = opened.error().errnum;
  if (opened.error().errnum == EBUSY) reply.liveupdate_holder = liveupdate_holder();
}

}  // namespace

std::string gunzip(std::string_view packed) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (::inflateInit2(&stream, kGzip) != Z_OK) return {};
  std::string text;
  std::array<char, 65536> piece;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    status = ::inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  return status == Z_STREAM_END ? text : std::string();
}

std::map<std::string, std::string> config_values(std::string_view config, const std::vector<std::string>& symbols) {
  std::map<std::string, std::string> values;
  if (config.empty()) return values;
  for (const std::string& symbol : symbols) values[symbol] = "n";
  for (std::string_view line : split(config, '\n')) {
    constexpr std::string_view kPrefix = "CONFIG_";
    const size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const auto asked = values.find(std::string(line.substr(kPrefix.size(), equals - kPrefix.size())));
    if (asked != values.end()) asked->second = trim(line.substr(equals + 1));
  }
  return values;
}

Result<wire::OffersReply> look_at_offers(State& state, const wire::Offers& request) {
  wire::OffersReply reply;
  reply.kexec_file = has_kexec_file_load();
  reply.kho = kho_is_on();
  look_at_liveupdate(state, reply);
  reply.iommufd = is_there("/dev/iommu");
  reply.vfio_pci = is_there(pci_bus() / "drivers" / "vfio-pci");
  reply.vfio_group = is_there("/sys/class/vfio");  // the class of group nodes; that of devices is vfio-dev
  reply.iommu_groups = static_cast<int>(names_in("/sys/kernel/iommu_groups").size());
  if (!request.config_symbols.empty()) {
    if (const auto packed = read_file("/proc/config.gz")) {
      reply.config = config_values(gunzip(*packed), request.config_symbols);
    }
  }
  return reply;
}

}  // namespace holdfast::agent
