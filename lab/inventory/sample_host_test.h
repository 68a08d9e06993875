// What is the least that an inventory says of a host? For tests that add one thing more.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "lab/inventory/inventory.h"

namespace holdfast::lab {

constexpr std::string_view kSampleKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMTt15XkN/gzf4KPwMdIY7gjaMLJThgDZqw7MQKVI4t";

/// `[[host]]` is line 1, its name line 2, `more` begins in line 3; then [host.ssh] with address and host key, and
/// `below`, which begins in line 6 when there is no `more`.
inline std::string sample_host(std::string_view more = "", std::string_view below = "",
                               std::string_view name = "alpha") {
  std::string text = "[[host]]\nname = \"";
  text.append(name).append("\"\n").append(more);
  text.append("[host.ssh]\naddress = \"h\"\nhost_key = \"").append(kSampleKey).append("\"\n");
  return text.append(below);
}

/// The inventory of a text that has no mistake in it, as that of /lab/lab.toml.
inline Inventory parsed(const std::string& text) {
  auto inventory = parse_inventory(text, "/lab/lab.toml");
  EXPECT_TRUE(inventory) << inventory.error().what << text;
  return inventory ? *std::move(inventory) : Inventory{};
}

}  // namespace holdfast::lab
