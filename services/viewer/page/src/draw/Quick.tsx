/** Starts sooner: asking for a shader's errors makes the page wait for the compiler. */
import { useThree } from '@react-three/fiber';

export function Quick() {
  const renderer = useThree((state) => state.gl);
  renderer.debug.checkShaderErrors = false;
  return null;
}
