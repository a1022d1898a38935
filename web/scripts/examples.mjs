// Puts the repository's example pictures, which the start page offers, beside the page.
import { cpSync, existsSync } from "node:fs";

const examples = new URL("../../examples/", import.meta.url);
const destination = new URL("../public/examples/", import.meta.url);

for (const name of ["hopper.jpg", "astronaut.jpg", "astronaut-fake.jpg"]) {
  const source = new URL(name, examples);
  if (!existsSync(source)) {
    throw new Error(`examples/${name} is missing: the start page offers it`);
  }
  cpSync(source, new URL(name, destination), { recursive: true });
}
