// Does a word of the inventory have the form that it must have?
#include "lab/inventory/forms.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/pci/pci.h"

namespace holdfast::lab {
namespace {

constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Only letters, digits and what is in `further`.
bool consists_of(std::string_view text, std::string_view further) {
  return std::ranges::all_of(text, [&](char c) {
    return kAlphanumeric.find(c) != std::string_view::npos || further.find(c) != std::string_view::npos;
  });
}

Result<void> check_name(std::string_view name, std::string_view key, std::string_view at) {
  constexpr size_t kLongest = 64;
  const bool begins_well = !name.starts_with('.') && !name.starts_with('-');
  if (begins_well && name.size() <= kLongest && consists_of(name, "._-")) return {};
  return error_at(at, fmt::format("'{}' is no {}", name, key))
      .because(
          "letters, digits, '.', '_' and '-', at most 64, no '.' or '-' in front: it is used in paths and commands");
}

}  // namespace

Result<std::string> read_name(const Table& table, std::string_view key) {
  std::string name = TRY(table.required_text(key));
  TRY(check_name(name, key, table.at(key)));
  return name;
}

Result<std::vector<std::string>> read_names(const Table& table, std::string_view key) {
  auto names = TRY(table.texts(key));
  for (auto name = names.begin(); name != names.end(); ++name) {
    TRY(check_name(*name, fmt::format("word of {}", key), table.at(key)));
    if (std::find(names.begin(), name, *name) == name) continue;
    return table.error(key, fmt::format("'{}' is twice in {}", *name, key));
  }
  return names;
}

Result<std::string> read_address(const Table& table) {
  std::string address = TRY(table.required_text("address"));
  if (consists_of(address, ".-_:%") && !address.starts_with('-')) return address;
  return table.error("address", fmt::format("'{}' is no address", address))
      .because("a host name or an IP address alone: user and port have keys of their own");
}

Result<uint16_t> read_port(const Table& table, uint16_t otherwise) {
  return static_cast<uint16_t>(TRY(table.integer("port", {1, 65535}, otherwise)));
}

Result<std::string> read_user(const Table& table, std::string_view otherwise) {
  std::string user = TRY(table.text_or("user", otherwise));
  if (!user.starts_with('-') && user.find_first_of(" \t@") == std::string::npos) return user;
  return table.error("user", fmt::format("'{}' cannot be a user", user));
}

Result<std::string> parse_bdf(std::string_view text, std::string_view at) {
  const auto address = PciAddress::parse(text);
  if (address) return address->to_string();
  return error_at(at, address.error().what).because(address.error().hint);
}

Result<std::filesystem::path> read_remote_path(const Table& table, std::string_view key) {
  const std::string text = TRY(table.required_text(key));
  const auto path = std::filesystem::path(text).lexically_normal();
  if (!path.is_absolute())
    return table.error(key, fmt::format("{} is a path on the host and must begin with '/'", key));
  if (!consists_of(text, "/._-")) {
    return table.error(key, fmt::format("{} may have letters, digits, '.', '_', '-' and '/' in it", key))
        .because("it goes through the host's shell");
  }
  return path;
}

Result<std::string> read_kernel(const Table& table, std::string_view key) {
  std::string kernel = TRY(table.text_or(key, ""));
  if (kernel.find('/') == std::string::npos) return kernel;
  return TRY(table.path(key)).string();
}

Result<double> read_time_scale(const Table& table) { return table.number("time_scale", {0.1, 100.0}, 1.0); }

}  // namespace holdfast::lab
