// The image routes that move bytes: pull, push, import, load, save.
#pragma once

namespace wharf::engine {
struct Engine;
}

namespace wharf::server {

class Exchange;

void create_image(engine::Engine& engine, Exchange& exchange);
void push_image(engine::Engine& engine, Exchange& exchange);
void load_images(engine::Engine& engine, Exchange& exchange);
void save_image(engine::Engine& engine, Exchange& exchange);
void save_images(engine::Engine& engine, Exchange& exchange);

}  // namespace wharf::server
